"""Somebody's own data, as a file for themselves: what is in it (`contents`), and how it is made while it is sent
(`archive`)."""
