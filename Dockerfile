# Parley's server, worker and commands in one image. Nothing secret goes in: .dockerignore lists what may.

FROM python:3.13-slim AS build
RUN python -m venv /opt/venv
# With the libraries of every storage of files: an image does not know yet where it will keep them.
COPY requirements-storage.lock /tmp/
# Wheels only: nothing is compiled or run while it is installed, and every file is checked against the lock.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
        -r /tmp/requirements-storage.lock
COPY . /srv/parley
# Bytecode now: the file system may be read-only later.
RUN python -m compileall -q /srv/parley

FROM python:3.13-slim
# pg_dump and pg_restore, for `manage.py backup` and `restore`: of the version that compose.yaml runs, or newer.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin parley \
    && install -d -o parley -g parley -m 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/parley /srv/parley
WORKDIR /srv/parley
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    PORT=8000
USER parley
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# By a host name the server answers to.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os; host = os.environ.get('ALLOWED_HOSTS', '127.0.0.1').split(',')[0].lstrip('.'); it = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); it.request('GET', '/health/ready', headers={'Host': host}); raise SystemExit(it.getresponse().status != 200)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
