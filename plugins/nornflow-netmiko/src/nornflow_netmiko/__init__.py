"""Step types for devices that netmiko logs in to over SSH or Telnet."""
