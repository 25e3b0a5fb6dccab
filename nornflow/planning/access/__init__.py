"""The way into a device as its configuration says: who would be let in, and whether an answer would find its way back."""
