/** Memory of results, given back. */

/**
 * Gives the memory of arrays back at once; they are empty afterwards. A step computes megabytes, and they would lie around until the
 * next garbage collection. The collector is started by them every few steps, and then looks through the whole heap for little
 * else. O(1).
 */
export function free(...arrays: (Float32Array | undefined)[]): void {
  for (const array of arrays) if (array?.buffer instanceof ArrayBuffer) array.buffer.transfer(0);
}
