"""Somebody's own data, as a file for themselves: what is in it (`contents`, `enclosed`), and how it is made while it is
sent (`archive`), without waiting for the storage where others wait for the database (`fetching`), and for how many at
once (`places`)."""
