/** The aggregation by DuckDB: one thread, from a table in memory. */
import { DuckDBInstance } from '@duckdb/node-api';
import { type Digest, digest, type Group } from '../lib/digest.ts';
import { FLIGHTS_SQL } from '../lib/flights.ts';
import { serve } from '../lib/peer.ts';

const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
await connection.run(`CREATE TABLE flights AS ${FLIGHTS_SQL}`);
await connection.run(`CREATE TYPE airport AS ENUM (SELECT DISTINCT origin FROM flights ORDER BY origin)`);
await connection.run(`CREATE TABLE encoded AS SELECT date, delay, origin::airport AS origin FROM flights`);

// Of the ways to say "the hour" this is DuckDB's fastest: 30 % less time for the whole query than date_trunc().
const hourly = (table: string) => `
  SELECT origin, epoch_us(date) // 3600000000 AS start, count(*) AS flights, sum(delay) AS total, avg(delay) AS mean
  FROM ${table} GROUP BY ALL`;

// Every result column is used, but no result leaves the database.
const consumed = (table: string) => `
  SELECT count(origin), max(start), sum(flights), sum(total), sum(mean) FROM (${hourly(table)})`;

async function results(table: string): Promise<Digest> {
  const query = `SELECT origin::VARCHAR, (start * 3600000000)::DOUBLE, flights::DOUBLE, total::DOUBLE, mean FROM (${hourly(table)})`;
  const reader = await connection.runAndReadAll(query);
  const groups = reader.getRows().map((row): Group => {
    const [origin, start, flights, total, mean] = row as [string, number, number, number, number];
    return { origin, start, flights, total, mean };
  });
  return digest(groups);
}

async function time(query: string): Promise<number> {
  const begin = performance.now();
  await connection.runAndReadAll(query);
  return performance.now() - begin;
}

serve({
  results: () => results('flights'),
  resultsEnum: () => results('encoded'),
  time: () => time(consumed('flights')),
  timeEnum: () => time(consumed('encoded')),
});
