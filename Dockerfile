# One image for every program of Footfall: `footfall run SERVICE`, `footfall migrate`, `footfall org …`.
# How to run it: docs/operations.md.
ARG PYTHON=docker.io/library/python:3.11-slim

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
RUN python -m venv /tools
COPY requirements requirements
RUN /tools/bin/python -m pip install --quiet \
        --require-hashes --only-binary :all: --requirement requirements/setup.lock
# What the image gets is an environment of its own: what runs, not what built it, and no pip.
RUN python -m venv --without-pip /opt/footfall \
    && /tools/bin/python -m pip --python /opt/footfall/bin/python install --quiet \
        --require-hashes --only-binary :all: --requirement requirements/runtime.lock
COPY . .
RUN /tools/bin/python -m pip wheel --quiet \
        --no-build-isolation --no-deps --wheel-dir /wheels ./protos ./clients/python . \
    && /tools/bin/python -m pip --python /opt/footfall/bin/python install --quiet \
        --no-index --no-deps /wheels/*.whl

FROM ${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Footfall" \
      org.opencontainers.image.description="What happens in a product, kept exactly once and turned into what to do next" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 footfall \
    && useradd --uid 10001 --gid footfall --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin footfall \
    && install --directory --owner footfall --group footfall --mode 0700 /var/lib/footfall
COPY --from=build /opt/footfall /opt/footfall
COPY LICENSE /usr/share/doc/footfall/LICENSE
# It listens for others than itself, and so refuses to start without TLS unless plaintext is allowed.
# Reflection stays off, which is its default.
ENV PATH=/opt/footfall/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FOOTFALL_DATA_DIR=/var/lib/footfall \
    FOOTFALL_HOST=0.0.0.0 \
    FOOTFALL_METRICS_HOST=0.0.0.0
# Days are those of an organisation's time zone: better no image than one without zones.
RUN footfall --version && python -c "import zoneinfo; zoneinfo.ZoneInfo('America/New_York')"
USER 10001:10001
EXPOSE 50051 50052 50053 50054 51051 51052 51053 51054 51061 51062 51063 51064
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["footfall", "health", "event-ingest"]
# `run` replaces itself with the service: SIGTERM reaches it, and it drains.
ENTRYPOINT ["footfall"]
CMD ["run", "event-ingest"]
