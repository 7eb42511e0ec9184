#!/usr/bin/env bash
# A database and two roles for each service, as stack/postgres.py makes them for the native stack: `<service>_owner` owns
# the schema and migrates it, `<service>` reads and writes the rows of whatever the owner makes. Run again, it changes
# nothing, so a first start may be interrupted anywhere.
set -euo pipefail

password() { cat "/run/secrets/$1_password"; }

export PGHOST=postgres PGUSER=postgres PGDATABASE=postgres PGAPPNAME=databases
PGPASSWORD=$(password postgres)
export PGPASSWORD

for service in enrollment scheduling reporting; do
  SERVICE=$service SERVICE_PASSWORD=$(password "$service") OWNER_PASSWORD=$(password "${service}_owner") \
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv service SERVICE
\getenv service_password SERVICE_PASSWORD
\getenv owner_password OWNER_PASSWORD
\set owner :service _owner
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'service', :'owner']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE :"service" PASSWORD :'service_password';
ALTER ROLE :"owner" PASSWORD :'owner_password';
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', :'service', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"service" TO :"service";
\connect :service
ALTER SCHEMA public OWNER TO :"owner";
GRANT USAGE ON SCHEMA public TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE ON SCHEMAS TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO :"service";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT EXECUTE ON FUNCTIONS TO :"service";
SQL
  echo "database $service is as it should be"
done
