"""What runs wait for: told, answered, and gone on from."""
