"""The REST routes of people and sessions: read the request, call a service, shape the answer."""
