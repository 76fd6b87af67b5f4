# The MCP server over HTTP (docs/http.md). It doesn't start until it is told who may call it.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PATH=/opt/storykeeper/bin:$PATH
WORKDIR /source
RUN python -m venv /opt/storykeeper
COPY requirements/build.txt requirements/run.txt requirements/
RUN pip install --require-hashes -r requirements/build.txt -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY tools tools
COPY server server
COPY agents agents
# Compiled here: nothing can be written where it runs, and every start would be a slow one.
RUN pip install --no-deps --no-build-isolation . && python -m compileall -q /opt/storykeeper/lib

FROM python:3.11-slim
ENV PATH=/opt/storykeeper/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STORYKEEPER_HOME=/var/lib/storykeeper \
    STORYKEEPER_FILES=/recordings
RUN useradd --system --uid 10001 --home-dir /var/lib/storykeeper storykeeper \
    && install -d -o storykeeper -m 0700 /var/lib/storykeeper \
    && install -d -o storykeeper /recordings
COPY --from=build /opt/storykeeper /opt/storykeeper
COPY --chmod=0755 docker/entrypoint.sh /usr/local/bin/entrypoint
USER 10001
WORKDIR /var/lib/storykeeper
VOLUME ["/var/lib/storykeeper"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["entrypoint"]
CMD ["mcp", "--http", "0.0.0.0:8000"]
