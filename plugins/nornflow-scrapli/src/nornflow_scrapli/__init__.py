"""Step types and the connection guard for devices that scrapli logs in to."""
