"""The addresses of files over HTTP."""
