-- Made-up orders for previews, tests and the local cloud, in SQLite. They lie in the period of the report and the one
-- before: all parameters of the queries can be named here too, and :rows, how many there are to be.
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id TEXT, ordered_at TEXT, product TEXT, total NUMERIC);

WITH RECURSIVE numbers (n) AS (SELECT 1 WHERE :rows > 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows),
-- Where each lies between the beginning, 0, and the end, 1: more of them toward the end.
orders_at (n, share) AS (SELECT n, (n * 37 % 101 + 0.5) / 101 FROM numbers)
INSERT INTO orders (user_id, ordered_at, product, total)
SELECT
    :user_id,
    datetime(julianday(:previous_start) + (julianday(:end) - julianday(:previous_start)) * share * (1.5 - share / 2)),
    CASE n % 7 WHEN 0 THEN 'Teapot' WHEN 1 THEN 'Kettle' WHEN 2 THEN 'Cups' ELSE 'Tea' END,
    (500 + n * 7919 % 4500) / 100.0
FROM orders_at;
