"""`manage.py doctor`: what a checklist asks before and while real people use a server, asked of the server itself.

    @check("database.tls", "The connection to the database is encrypted")     in the file of its noun
    def encrypted(asked: Asked) -> Finding:
        ...

Where Django's deploy checks (`manage.py check --deploy`) know something already, a check here takes over what they
say, by their ids; it adds what has to be measured: asked of the database, Redis, the storage, the proxy, the machine.
"""
