/** Threads of a workgroup that has a row to itself. */
export const ROW_THREADS = 64;

/** Code for a workgroup that has a row: `total` and `highest` combine the values of its threads, and all get the result. */
export const rowCode = `
  var<workgroup> parts : array<f32, ${ROW_THREADS}>;
  ${combination('total', 'a + b')}
  ${combination('highest', 'max(a, b)')}`;

function combination(name: string, value: string): string {
  return `
  fn ${name}(own : f32) -> f32 {
    workgroupBarrier();
    parts[localIndex] = own;
    for (var distance = ${ROW_THREADS / 2}u; distance > 0u; distance >>= 1u) {
      workgroupBarrier();
      if (localIndex < distance) {
        let a = parts[localIndex];
        let b = parts[localIndex + distance];
        parts[localIndex] = ${value};
      }
    }
    workgroupBarrier();
    return parts[0];
  }`;
}

/** A loop over the thread's share of a row of `uniforms.D` values, whose places are `at`. */
export const overRow = (body: string): string =>
  `for (var c = i32(localIndex); c < uniforms.D; c += ${ROW_THREADS}) { let at = row * uniforms.D + c; ${body} }`;
