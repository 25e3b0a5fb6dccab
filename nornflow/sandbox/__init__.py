"""The sandbox adapter: child processes, files and HTTP requests of steps, within the limits of a profile."""
