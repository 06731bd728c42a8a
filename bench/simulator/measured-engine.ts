/** The engine that is simulated and measured: what its steps take, and what a trace of arrivals meets on it. */
import type { EngineEvent } from '../../ts/llm/engine/engine-event.ts';
import { limitsOf } from '../../ts/llm/engine/engine-options.ts';
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import { importModel } from '../../ts/llm/import/import-model.ts';
import { costOf } from '../../ts/llm/scheduler/cost.ts';
import type { ArrivalTrace } from '../../ts/llm/simulator/arrival-trace.ts';
import { type Latencies, latenciesOf } from '../../ts/llm/simulator/latencies.ts';
import { replay } from '../../ts/llm/simulator/replay.ts';
import type { SimulatedEngine } from '../../ts/llm/simulator/simulate.ts';
import type { StepTimes } from '../../ts/llm/simulator/step-times.ts';

/** A trace as it went on the real engine. */
export interface Sent {
  readonly latencies: Latencies;
  readonly events: readonly EngineEvent[];
}

/** So few blocks that those of every trace were written before, by what warms up. */
const KV_BLOCKS = 385;

export class MeasuredEngine implements AsyncDisposable {
  readonly #engine: LlmEngine;
  readonly #simulated: Omit<SimulatedEngine, 'times'>;
  #events: EngineEvent[] = [];

  private constructor(engine: LlmEngine, simulated: Omit<SimulatedEngine, 'times'>) {
    this.#engine = engine;
    this.#simulated = simulated;
  }

  static async load(file: string, threads: number): Promise<MeasuredEngine> {
    const options = { threads, kvBlocks: KV_BLOCKS, maxNumSeqs: 16, maxQueue: 1_000 };
    const { shape } = importModel(file);
    let log = (_: EngineEvent) => {};
    const engine = await LlmEngine.load(file, { ...options, onEvent: (event) => log(event) });
    const limits = limitsOf({ ...options, events: true }, shape);
    const measured = new MeasuredEngine(engine, { limits, cost: costOf(shape) });
    log = (event) => void measured.#events.push(event);
    return measured;
  }

  /** The same engine for the simulator, with steps that take so long. */
  simulated(times: StepTimes): SimulatedEngine {
    return { ...this.#simulated, times };
  }

  /** Sends a trace; nothing is cached before. */
  async send(trace: ArrivalTrace): Promise<Sent> {
    await this.#engine.resetPrefixCache();
    this.#events = [];
    const requests = await replay(trace, this.#engine);
    // The log comes in the same order as answers: when this one is there, the log is.
    await this.#engine.metrics();
    return { latencies: latenciesOf(requests), events: this.#events };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#engine.close();
  }
}
