"""Plans while they are made and when they are taken up again."""
