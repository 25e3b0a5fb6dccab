"""What is known of each network platform: its exec verbs, its configuration sections and its volatile lines."""
