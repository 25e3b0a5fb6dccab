"""The report of a run written down: HTML, Markdown and text from one model."""
