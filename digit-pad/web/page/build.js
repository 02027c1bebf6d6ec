// The build of the program that this browser can run: `simd`, `plain`, or none.

// A module whose one function splats a zero over 16 bytes: valid only with the instructions of SIMD.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

export function build() {
  if (typeof WebAssembly !== "object") return null;
  return WebAssembly.validate(new Uint8Array(SIMD)) ? "simd" : "plain";
}
