# A small image of one node: built in the first stage, run from the second with nothing but its shared libraries.
FROM debian:bookworm-slim AS build
WORKDIR /source
COPY deploy/install-deps.sh deploy/
RUN deploy/install-deps.sh && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY js js
COPY storage storage
COPY net net
COPY actors actors
RUN cmake --preset release -DTREADMILL_TESTS=OFF \
 && cmake --build --preset release --target treadmill treadmill-map \
 && cmake --install build/release --prefix /opt/treadmill --strip

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      libbrotli1 libcaf-core0.17 libcpp-httplib0.11 libfmt9 libicu72 libjemalloc2 libleveldb1d libnode108 \
      libpcre2-8-0 libseccomp2 libspdlog1.10 libssl3 libzmq5 libzstd1 zlib1g \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1444 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin treadmill \
 && install --directory --owner=treadmill --group=treadmill --mode=0750 /data
COPY --from=build /opt/treadmill/bin/treadmill /opt/treadmill/bin/treadmill-map /usr/local/bin/
USER treadmill
WORKDIR /data
VOLUME /data
EXPOSE 1444 1445
# Variables, so that flags after the image's name and -e both can replace them.
ENV TREADMILL_DATA=/data TREADMILL_HTTP=0.0.0.0:1444 TREADMILL_ZMQ=tcp://0.0.0.0:1445
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["treadmill", "health"]
ENTRYPOINT ["treadmill", "serve"]
