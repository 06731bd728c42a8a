/** `headrace/testing`: pipelines under test. */
export { type SideOutput, type SourceRef, TestDriver, type TestOptions, testDriver } from './driver.ts';
