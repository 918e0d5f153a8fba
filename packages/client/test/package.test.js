// The package: its types, its size, and that a page and a bundler can load it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

async function bundle() {
    const { outputFiles } = await build({
        entryPoints: [path('src/fastapi-client.js')], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false,
    });
    return outputFiles[0].contents;
}

test('a bundler makes one module of it, of the size that the README says', async () => {
    const bytes = await bundle();
    const module = await import(`data:text/javascript;base64,${Buffer.from(bytes).toString('base64')}`);
    assert.deepEqual(Object.keys(module), ['FastapiClient']);
    const [, minified, gzipped] = /([\d.]+) kB minified, ([\d.]+) kB gzipped/.exec(await readFile(path('README.md'), 'utf8'));
    assert.equal(minified, (bytes.length / 1000).toFixed(1));
    // Versions of zlib differ by some bytes.
    const compressed = gzipSync(bytes, { level: 9 }).length;
    assert(Math.abs(gzipped * 1000 - compressed) <= 100, `${compressed} bytes`);
});

test('a page loads it without a build: its files import each other by relative paths alone', async () => {
    const seen = new Set(), names = ['fastapi-client.js'];
    for (let name; (name = names.pop());) {
        if (seen.has(name)) continue;
        seen.add(name);
        const text = await readFile(path(`src/${name}`), 'utf8');
        for (const [, from] of text.matchAll(/^(?:import|export) .*? from '(.*)';$/gm)) {
            assert.match(from, /^\.\/[\w-]+\.js$/);
            names.push(from.slice(2));
        }
    }
    assert(seen.size > 1);
});

test('the types describe the module, and programs that use it wrongly are refused', async () => {
    const run = promisify(execFile);
    const arguments_ = [path('node_modules/typescript/bin/tsc'), '--project', path('test/types/tsconfig.json')];
    await run(process.execPath, arguments_).catch(({ stdout }) => assert.fail(stdout));
});
