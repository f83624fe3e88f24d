# The gateway's image: docker build -t ucp-connector:0.1.0 .
# It keeps what it writes under /var/lib/ucp-connector and expects its configuration at
# /etc/ucp-connector/connector.yaml, with `listen.host: 0.0.0.0`; all else may be read-only.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# What mypyc compiles the way of a request with; none of it is in the image that runs.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev

# Without pip: the image that runs installs nothing.
RUN python -m venv --without-pip /opt/ucp-connector

# Packages first: this layer is made again only when a lock changes. Every download is checked
# against its hash, those of what builds the package below too.
COPY requirements.lock ./
COPY tests/requirements.lock tests/
RUN python -m pip --python /opt/ucp-connector/bin/python install \
      --only-binary :all: --require-hashes -r requirements.lock \
 && python -m pip install --only-binary :all: --require-hashes -r tests/requirements.lock

COPY pyproject.toml setup.py README.md LICENSE ./
COPY canonical canonical
COPY connector connector
RUN UCP_CONNECTOR_COMPILE=1 python -m pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && python -m pip --python /opt/ucp-connector/bin/python install --no-deps --no-index wheels/*.whl \
 && python -m compileall -q /opt/ucp-connector/lib

# Copied below with its owner, so that a new named volume is writable for the gateway.
RUN mkdir -p /state && chown 10001:10001 /state && chmod 0700 /state


FROM python:3.13-slim
ENV PATH=/opt/ucp-connector/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /opt/ucp-connector /opt/ucp-connector
COPY --from=build --chown=10001:10001 /state /var/lib/ucp-connector
WORKDIR /var/lib/ucp-connector
VOLUME /var/lib/ucp-connector
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9090/livez', timeout=2)"]
ENTRYPOINT ["ucp-connector"]
CMD ["serve", "-c", "/etc/ucp-connector/connector.yaml"]
