/** `headrace/llm`: language models in this process, and the OpenAI API over them. */
export { type ErrorCode, HeadraceError, isHeadraceError } from '../errors.ts';
export type { EngineEvent } from '../llm/engine/engine-event.ts';
export type { EngineOptions } from '../llm/engine/engine-options.ts';
export type { EngineInfo } from '../llm/engine/engine-worker.ts';
export type { Generation } from '../llm/engine/generation.ts';
export { LlmEngine } from '../llm/engine/llm-engine.ts';
export type { EngineMetrics } from '../llm/engine/metrics.ts';
export type { GenerateOptions } from '../llm/engine/options.ts';
export type { FinishReason, GeneratedToken, ScoredToken, Usage } from '../llm/engine/token.ts';
export type { PolicyName } from '../llm/scheduler/policy.ts';
export type { ChatMessage, Role } from '../llm/tokenizer/chat-template.ts';
export { createFetchHandler, type FetchHandler } from './fetch-handler.ts';
export { type FrontLimits, HttpFront } from './http-front.ts';
export type { ServeOptions } from './serve-options.ts';
export type { ServedEngine, ServedGeneration } from './served-engine.ts';
