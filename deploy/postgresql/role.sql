-- The owner of the database and the role that replicates. As a superuser of the primary, once:
--   psql -v password=... -v replication_password=... -f role.sql
CREATE ROLE ticketdesk LOGIN PASSWORD :'password';
CREATE ROLE ticketdesk_replica LOGIN REPLICATION PASSWORD :'replication_password';
CREATE DATABASE ticketdesk OWNER ticketdesk ENCODING 'UTF8' TEMPLATE template0;

-- Behind PgBouncer clients share sessions, so these belong to the role. TICKETDESK_POOLER=transaction checks them at start.
ALTER ROLE ticketdesk SET timezone = 'UTC';
ALTER ROLE ticketdesk SET statement_timeout = '30s';
ALTER ROLE ticketdesk SET lock_timeout = '10s';
ALTER ROLE ticketdesk SET idle_in_transaction_session_timeout = '60s';

-- The slot keeps the WAL that the replica has not received yet.
SELECT pg_create_physical_replication_slot('ticketdesk_replica');
