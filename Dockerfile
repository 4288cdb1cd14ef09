# The reading room:
#     docker build --tag kuzushiji .
#     docker run --publish 8017:8017 --volume kuzushiji:/data --env KUZUSHIJI_TOKEN=TWELVE_LETTERS_OR_MORE kuzushiji
# and training, from which `docker run ... train resnet --data kmnist` goes on:
#     docker build --target train --tag kuzushiji-train .
#     docker build --target train --tag kuzushiji-train --build-arg TORCH_INDEX=https://pypi.org/simple .   # CUDA
#     docker run --gpus all --volume kuzushiji:/data kuzushiji-train train resnet --data brush:kmnist
# All that is kept lies in /data.  With `shelf person NAME --role keeper` people can log in, and no token is needed.

FROM python:3.13-slim AS wheel
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt build \
    && python -m build --wheel --outdir /dist

FROM python:3.13-slim AS base
ENV KUZUSHIJI_HOME=/data PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 kuzushiji \
    && install --directory --owner kuzushiji --group kuzushiji /data
VOLUME /data
ENTRYPOINT ["kuzushiji"]

FROM base AS train
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY constraints.txt /tmp/
RUN pip install --constraint /tmp/constraints.txt --index-url "$TORCH_INDEX" torch
RUN --mount=from=wheel,source=/dist,target=/dist \
    pip install --constraint /tmp/constraints.txt "$(echo /dist/*.whl)[train,sweep,export,pdf]"
USER 1000
WORKDIR /data
CMD ["demo"]

FROM base AS serve
COPY constraints.txt /tmp/
RUN --mount=from=wheel,source=/dist,target=/dist \
    pip install --constraint /tmp/constraints.txt "$(echo /dist/*.whl)[serve,postgresql]"
USER 1000
WORKDIR /data
EXPOSE 8017
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8017/healthz', timeout=4)"]
CMD ["serve", "--host", "0.0.0.0"]
