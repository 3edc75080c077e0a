PRAGMA journal_mode;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, weight REAL, parent INTEGER);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO item SELECT i, 'item ' || (i * 7919 % 100003), (i * 31 % 1009) / 7.0, i / 10 FROM n;
COMMIT;
CREATE INDEX by_name ON item(name);
CREATE INDEX by_parent ON item(parent);
SELECT count(*), sum(id), round(sum(weight), 3), max(name) FROM item;
SELECT p.name, count(c.id), round(avg(c.weight), 4) FROM item p JOIN item c ON c.parent = p.id
  GROUP BY p.id ORDER BY 3 DESC, 1 LIMIT 20;
UPDATE item SET weight = weight + 1 WHERE id % 3 = 0;
DELETE FROM item WHERE id % 11 = 0;
SELECT count(*), round(sum(weight), 3) FROM item;
SELECT name, id FROM item WHERE name BETWEEN 'item 500' AND 'item 501' ORDER BY name LIMIT 20;
PRAGMA mmap_size = 10000000;
SELECT count(*), sum(length(name)) FROM item WHERE name LIKE '%99%';
PRAGMA integrity_check;
VACUUM;
PRAGMA page_count;
BEGIN;
DELETE FROM item;
ROLLBACK;
SELECT count(*) FROM item;
SELECT * FROM missing;
