# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip /app/.venv/bin/pip install -r requirements.txt mcp==2.3.0

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin watchdog \
    && install -d -o watchdog -g watchdog -m 0700 /data
WORKDIR /app
COPY --from=packages /app/.venv /app/.venv
COPY .streamlit/config.toml .streamlit/config.toml
COPY app.py ./
COPY pages pages
COPY watchdog watchdog
COPY infra infra
RUN /app/.venv/bin/python -m compileall -q /app/watchdog /app/pages /app/infra
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    WATCHDOG_HOST=0.0.0.0 WATCHDOG_PORT=8501 WATCHDOG_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8501
STOPSIGNAL SIGTERM
# Opens a page as a browser would: /_stcore/health says ok while every page is broken.
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 CMD ["python", "-m", "watchdog", "health"]
CMD ["python", "-m", "watchdog", "serve"]
