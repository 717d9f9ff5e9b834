#!/bin/bash
# Copies the primary into an empty data folder, then starts PostgreSQL as the image does.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    pg_basebackup -d "host=primary user=ticketdesk_replica password=$PGPASSWORD" -D "$PGDATA" -R -S ticketdesk_replica
fi
exec docker-entrypoint.sh postgres -c config_file=/etc/postgresql/postgresql.conf
