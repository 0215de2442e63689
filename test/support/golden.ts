import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A test for each `<name>.in.json` of a folder: what `convert` makes of it is to be `<name>.out.json`, which
 * `UPDATE_GOLDEN=1` rewrites (format it then).
 */
export function goldenTests<Input extends { readonly about: string }>(
  folder: URL,
  convert: (input: Input) => object,
): void {
  const dir = fileURLToPath(folder);
  const names = readdirSync(dir).flatMap((file) => /^(.+)\.in\.json$/.exec(file)?.[1] ?? []);
  assert.ok(names.length > 0, `${dir} has no cases`);
  for (const name of names) {
    const input = JSON.parse(readFileSync(`${dir}${name}.in.json`, 'utf8')) as Input;
    it(`${name}: ${input.about}`, () => {
      const output = JSON.stringify(convert(input), null, 2);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(`${dir}${name}.out.json`, `${output}\n`);
      assert.deepEqual(JSON.parse(output), JSON.parse(readFileSync(`${dir}${name}.out.json`, 'utf8')));
    });
  }
}
