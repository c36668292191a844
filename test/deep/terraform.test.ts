/**
 * deploy/terraform as far as it can be judged without Terraform and without its provider, which no package registry has: read and
 * formatted by its language's own library and reader, and each argument, block and reference held against bindings that
 * HashiCorp generated from the provider's schema (6.25.0). Not seen: rules that only the provider's code has, and values.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, readTemplate } from '../deploy/stack.ts'
import { hasMoto } from './moto-server.ts'
import { isMissing, isProgram, run } from './software.ts'

const FOLDER = join(ROOT, 'deploy/terraform')
const FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.tf'))
  .map((name) => join(FOLDER, name))
const TOOLS = join(ROOT, '.tools/terraform')
const PYTHON = join(ROOT, '.tools/moto/bin/python')
const BINDINGS = join(TOOLS, 'bindings')

test('every file is as hclfmt writes it', async (t) => {
  if (isMissing(t, { hclfmt: isProgram(join(TOOLS, 'bin/hclfmt')) })) return
  assert.ok(FILES.length > 5)
  for (const file of FILES) {
    const { status, stdout, stderr } = await run(join(TOOLS, 'bin/hclfmt'), [file])
    assert.equal(status, 0, stderr)
    assert.equal(String(stdout), readFileSync(file, 'utf8'), file)
  }
})

test('Terraform’s own reader finds a module with the inputs and outputs of the template', async (t) => {
  if (isMissing(t, { 'terraform-config-inspect': isProgram(join(TOOLS, 'bin/terraform-config-inspect')) })) return
  const { status, stdout, stderr } = await run(join(TOOLS, 'bin/terraform-config-inspect'), ['--json', FOLDER])
  assert.equal(status, 0, stderr)
  const { variables, outputs, diagnostics = [], required_providers: providers } = JSON.parse(String(stdout))
  const { Parameters, Outputs } = readTemplate()
  assert.deepEqual(diagnostics, [])
  assert.equal(Object.keys(variables).length, Object.keys(Parameters).length)
  assert.equal(Object.keys(outputs).length, Object.keys(Outputs).length)
  assert.deepEqual(Object.keys(providers), ['aws'])
})

/** Prints what is wrong, and how many arguments were looked at. */
const CHECK = `
import ast, functools, json, re, sys, zipfile, glob
import hcl2
bindings = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
META = {'count', 'for_each', 'depends_on', 'lifecycle', 'provider'}
wrong, seen = [], 0

@functools.cache
def classes(module):
    try:
        text = bindings.read(f'cdktf_cdktf_provider_aws/{module}/__init__.py').decode()
    except KeyError:
        return None
    return {one.name: one for one in ast.parse(text).body if isinstance(one, ast.ClassDef)}

def camel(name):
    return ''.join(part.capitalize() for part in name.split('_'))

def arguments(module, name):
    init = next(one for one in classes(module)[name].body if isinstance(one, ast.FunctionDef) and one.name == '__init__')
    found = {}
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults):
        named = re.findall(r"'([A-Z]\\w+)'", ast.unparse(argument.annotation))
        found[argument.arg] = (default is None, next((one for one in named if one in classes(module)), None))
    return found

def check(where, module, name, body):
    global seen
    known = arguments(module, name)
    given = {key: value for key, value in body.items() if not key.startswith('__') and key != 'dynamic'}
    for block in body.get('dynamic', []):
        for key, value in block.items():
            if not key.startswith('__'):
                given[key.strip('"')] = value['content']
    for key, value in given.items():
        seen += 1
        if key in META:
            continue
        if key not in known:
            wrong.append(f'{where}: {key} is unknown')
            continue
        blocks = [one for one in value if isinstance(one, dict) and one.get('__is_block__')] if isinstance(value, list) else []
        if blocks and known[key][1] is None:
            wrong.append(f'{where}: {key} is no block')
        for block in blocks if known[key][1] else []:
            check(f'{where}.{key}', module, known[key][1], block)
    wrong.extend(f'{where}: {key} is missing' for key, (required, _) in known.items() if required and key not in given)

for path in sys.argv[2:]:
    text = open(path).read()
    for resource in hcl2.loads(text).get('resource', []):
        for kind, named in resource.items():
            kind = kind.strip('"')
            for name, body in named.items():
                module = kind.removeprefix('aws_')
                if classes(module) is None:
                    wrong.append(f'{kind} is unknown')
                else:
                    check(f'{kind}.{name}', module, camel(module), body)
    for data, kind, attribute in re.findall(r'(data\\.)?\\b(aws_\\w+)\\.\\w+(?:\\[[^\\]]*\\])?\\.(\\w+)', text):
        module = f'data_{kind}' if data else kind.removeprefix('aws_')
        name = camel(module)
        properties = {one.name for one in classes(module)[name].body if isinstance(one, ast.FunctionDef)}
        seen += 1
        if attribute not in properties:
            wrong.append(f'{kind} has no {attribute}')
print(json.dumps({'wrong': wrong, 'seen': seen}))
`

async function judged(files: readonly string[]): Promise<{ wrong: readonly string[]; seen: number }> {
  const { status, stdout, stderr } = await run(PYTHON, ['-c', CHECK, BINDINGS, ...files])
  assert.equal(status, 0, stderr)
  return JSON.parse(String(stdout))
}

const hasBindings = () => {
  try {
    return readdirSync(BINDINGS).some((name) => name.endsWith('.whl'))
  } catch {
    return false
  }
}

test('every resource, argument, block and attribute is one that the provider has, and none that it wants is missing', async (t) => {
  if (isMissing(t, { 'python-hcl2': hasMoto(), 'bindings of the provider': hasBindings() })) return
  const { wrong, seen } = await judged(FILES)
  assert.deepEqual(wrong, [])
  assert.ok(seen > 200, `${seen}`)
})

/** A finding that nothing reports would make the test above worth nothing. */
const BROKEN: readonly (readonly [string, string, string, string])[] = [
  ['an argument that there is not', 'kept.tf', 'retention_in_days', 'retention_days'],
  ['a block that there is not', 'rotate.tf', 'flexible_time_window {', 'flexible_window {'],
  ['an argument of a block that there is not', 'rotate.tf', 'maximum_retry_attempts ', 'maximum_attempts '],
  ['a resource that there is not', 'kept.tf', '"aws_kms_key" "key"', '"aws_kms_keys" "key"'],
  ['an argument that is missing', 'rotate.tf', '  secret_id = local.config_arn\n', ''],
  ['an attribute that there is not', 'outputs.tf', 'rotate_function.arn', 'rotate_function.arns'],
]

for (const [what, file, from, to] of BROKEN) {
  test(`it would report ${what}`, async (t) => {
    if (isMissing(t, { 'python-hcl2': hasMoto(), 'bindings of the provider': hasBindings() })) return
    const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll(/^(\s*\w+) += /gm, '$1 = ')
    assert.ok(text.includes(from.trim()), `${file} has no ${from}`)
    const folder = mkdtempSync(join(tmpdir(), 'terraform-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, file), text.replace(from, to))
    const { wrong } = await judged([join(folder, file)])
    assert.ok(wrong.length > 0)
  })
}
