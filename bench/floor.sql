-- One purchase of one ticket as pgbench makes it: the UPDATE and the INSERTs of ticketing/sales/order_sql.py, one by one.
-- :event_id and :package_id are put in by bench/purchases.py; :step counts the purchases of a client.
\set step :step + 1
BEGIN;
UPDATE packages SET sold_count = sold_count + 1, sales_version = sales_version + 1
    WHERE id = :package_id AND event_id = :event_id AND is_enabled
      AND (quantity_limit IS NULL OR sold_count + 1 <= quantity_limit)
    RETURNING name, price, seats_per_package, version;
INSERT INTO donors (id, event_id, email, email_key, name)
    VALUES (gen_random_uuid(), :event_id, 'donor-' || :client_id || '-' || :step || '@example.org',
            'donor-' || :client_id || '-' || :step || '@example.org', 'Ana Ruiz')
    ON CONFLICT (event_id, email_key) DO UPDATE
        SET name = excluded.name, email = excluded.email, phone = coalesce(excluded.phone, donors.phone)
    RETURNING id AS donor_id \gset
INSERT INTO orders (id, event_id, number, donor_id)
    VALUES (gen_random_uuid(), :event_id,
            translate(lpad(upper(to_hex(CAST(:client_id AS int) * 65536 + CAST(:step AS int))), 6, 'X'), '01', 'GH'),
            :donor_id)
    RETURNING id AS order_id \gset
INSERT INTO purchases (id, event_id, order_id, line_number, package_id, quantity, unit_price, seats_per_package,
        list_price, discount, total, payment_status, channel, purchaser_name, purchaser_email, purchased_at)
    VALUES (gen_random_uuid(), :event_id, :order_id, 1, :package_id, 1, 100, 1, 100, 0, 100, 'completed', 'online',
            'Ana Ruiz', 'donor-' || :client_id || '-' || :step || '@example.org', now())
    RETURNING id AS purchase_id \gset
INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code)
    VALUES (gen_random_uuid(), :event_id, :purchase_id, 1,
            translate(lpad(upper(to_hex(CAST(:client_id AS int) * 65536 + CAST(:step AS int))), 8, 'X'), '01', 'GH'));
COMMIT;
