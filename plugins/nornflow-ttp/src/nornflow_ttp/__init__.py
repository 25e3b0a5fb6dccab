"""Step types that make data of what devices show: TTP, TextFSM and regular expressions."""
