-- The two roles and the database, once, as a superuser (psql 15 or newer). The passwords come from the environment.
--   OWNER_PASSWORD=… APP_PASSWORD=… psql -f deploy/roles.sql postgres
\set ON_ERROR_STOP on
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
CREATE ROLE parley_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE parley_app LOGIN PASSWORD :'app_password';
CREATE DATABASE parley OWNER parley_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE parley FROM PUBLIC;
GRANT CONNECT ON DATABASE parley TO parley_app;
