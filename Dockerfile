# Built and run from a checkout:
#   docker build -t validate-schema .
#   docker run --rm -v "$PWD:/project" validate-schema --migrations prisma/migrations
# The throwaway PostgreSQL is inside; it refuses root, as does this image.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/validate-schema \
    && /opt/validate-schema/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home validator \
    && mkdir /project \
    && chown validator /project
COPY --from=build /opt/validate-schema /opt/validate-schema
ENV PATH=/opt/validate-schema/bin:$PATH
USER 10001
WORKDIR /project
ENTRYPOINT ["validate-schema"]
CMD ["--help"]
