import { describe, expect, it } from 'vitest';
import { count, sum } from '../api/aggregates.ts';
import { hours } from '../api/duration.ts';
import { source } from '../api/source.ts';
import { at } from '../api/time.ts';
import { t } from '../api/types.ts';
import { tumbling } from '../api/window.ts';
import { testDriver } from './driver.ts';

const schema = { origin: t.utf8(), date: t.timestamp(), delay: t.i64() };
const flights = source.rows([], { schema }).watermark('date', { lag: hours(1) });
const hourly = flights
  .keyBy('origin')
  .window(tumbling(hours(1)), { late: 'too-late' })
  .aggregate((f) => ({ flights: count(), delay: sum(f.delay) }));

const window = (origin: string, start: string, flights: bigint, delay: bigint) => ({
  origin,
  window_start: at(start),
  window_end: at(start) + 3_600_000_000n,
  flights,
  delay,
});

describe('the test driver', () => {
  it('fires windows when the watermark passes them, and not before', () => {
    const driver = testDriver(hourly);
    driver.push({ origin: 'ORD', date: at('08:10'), delay: 30 });
    driver.push([
      { origin: 'SFO', date: at('08:20'), delay: 5 },
      { origin: 'ORD', date: at('08:59'), delay: -3 },
    ]);
    expect(driver.rows()).toEqual([]);
    driver.advanceWatermark(at('09:00'));
    const byOrigin = driver.rows().sort((a, b) => (a.origin < b.origin ? -1 : 1));
    expect(byOrigin).toEqual([window('ORD', '08:00', 2n, 27n), window('SFO', '08:00', 1n, 5n)]);
    expect(driver.rows()).toEqual([]);
  });

  it('sends late rows to the side output, with how late they were', () => {
    const driver = testDriver(hourly);
    driver.push({ origin: 'ORD', date: at('12:00'), delay: 0 });
    driver.push({ origin: 'ORD', date: at('09:30'), delay: 1 });
    const late = driver.sideOutput('too-late').rows();
    // The row watermark is 12:00 less the lag of an hour.
    expect(late).toEqual([{ origin: 'ORD', date: at('09:30'), delay: 1n, lateness: 90n * 60_000_000n }]);
    expect(driver.metrics().rowsLate).toBe(1);
    expect(() => driver.sideOutput('other')).toThrow(/no side output 'other'.*too-late/);
  });

  it.each([1, 2, 4])('goes on after a crash as if nothing had happened, at parallelism %i', (parallelism) => {
    const driver = testDriver(hourly, { parallelism: 2 });
    const origins = ['ORD', 'SFO', 'JFK', 'LAX', 'DEN'];
    const hour = (minute: string) =>
      origins.map((origin) => ({ origin, date: at(`08:${minute}`), delay: 1 }));
    driver.push(hour('10'));
    driver.crashAndRestore({ parallelism });
    driver.push(hour('20'));
    driver.crashAndRestore();
    driver.finish();
    const rows = driver.rows().sort((a, b) => (a.origin < b.origin ? -1 : 1));
    expect(rows).toEqual(origins.sort().map((origin) => window(origin, '08:00', 2n, 2n)));
  });

  it('runs functions in one step, and waits for promises when told to', async () => {
    const doubled = flights.map(({ delay }) => ({ delay: delay * 2n }), { schema: { delay: t.i64() } });
    const driver = testDriver(doubled);
    driver.push({ origin: 'ORD', date: at('08:10'), delay: 21 });
    expect(driver.rows()).toEqual([{ delay: 42n }]);
    const later = testDriver(
      flights.map(async ({ delay }) => ({ delay: delay * 2n }), { schema: { delay: t.i64() } }),
    );
    later.push({ origin: 'ORD', date: at('08:10'), delay: 21 });
    expect(() => later.rows()).toThrow(/promise is open.*settle/);
    await later.settle();
    expect(later.rows()).toEqual([{ delay: 42n }]);
  });

  it('throws what the pipeline fails with', () => {
    const cause = new Error('broken');
    const broken = flights.map(
      () => {
        throw cause;
      },
      { schema: { delay: t.i64() } },
    );
    const driver = testDriver(broken);
    expect(() => driver.push({ origin: 'ORD', date: at('08:10'), delay: 1 })).toThrow(
      expect.objectContaining({ code: 'HR_USER_FUNCTION_FAILED', cause }),
    );
    expect(() => testDriver(hourly).push({ origin: 'ORD', date: 'noon', delay: 1 })).toThrow(
      /HR_TYPE_MISMATCH.*column 'date' should be a bigint of microseconds/,
    );
  });

  it('has updates with their kinds', () => {
    const updating = flights
      .keyBy('origin')
      .window(tumbling(hours(1)), { lateness: hours(2) })
      .aggregate(() => ({ flights: count() }));
    const driver = testDriver(updating);
    driver.push({ origin: 'ORD', date: at('08:10'), delay: 0 });
    driver.push({ origin: 'ORD', date: at('10:30'), delay: 0 });
    const fired = { origin: 'ORD', window_start: at('08:00'), window_end: at('09:00') };
    expect(driver.rows()).toEqual([{ op: '+I', ...fired, flights: 1n }]);
    driver.push({ origin: 'ORD', date: at('08:50'), delay: 0 });
    driver.advanceWatermark(at('09:31'));
    expect(driver.rows()).toEqual([
      { op: '-U', ...fired, flights: 1n },
      { op: '+U', ...fired, flights: 2n },
    ]);
  });

  it('asks which source is meant when there are several', () => {
    const other = source.rows([], { schema: { origin: t.utf8(), date: t.timestamp(), delay: t.i64() } });
    const driver = testDriver(source.rows([], { schema }).union(other));
    const row = { origin: 'ORD', date: at('08:10'), delay: 1n };
    expect(() => driver.push(row)).toThrow(/several sources/);
    driver.push(row, 1);
    expect(driver.rows()).toEqual([row]);
    expect(() => driver.push(row, 2)).toThrow(/no source 2/);
  });
});
