#!/bin/bash
# Runs once, when the image creates the primary's data folder.
set -euo pipefail
psql -X -v ON_ERROR_STOP=1 -U postgres -v password="$TICKETDESK_PASSWORD" \
    -v replication_password="$TICKETDESK_REPLICA_PASSWORD" -f /ticketdesk/role.sql
