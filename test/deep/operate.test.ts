/** The AWS commands of README and docs against botocore's models, which the AWS CLI makes its commands and options from. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { shellTexts } from '../docs/calls.ts'
import { proseOf, readPages, root } from '../docs/page.ts'
import { isMissing, isProgram, run } from './software.ts'

const python = join(root, '.tools/moto/bin/python')

const CHECK = `
import json, sys
import botocore.session
from botocore import xform_name
session = botocore.session.get_session()
wrong = []
for service, operation, options in json.loads(sys.argv[1]):
    model = session.get_service_model(service)
    found = [name for name in model.operation_names if xform_name(name, '-') == operation]
    if not found:
        wrong.append(f'aws {service} {operation}')
        continue
    shape = model.operation_model(found[0]).input_shape
    known = {xform_name(name, '-') for name in (shape.members if shape else {})}
    wrong += [f'aws {service} {operation} --{name}' for name in options if name not in known and name.removeprefix('no-') not in known]
print(json.dumps(wrong))
`

/** Of the CLI itself, for every command. */
const GLOBAL = ['query', 'output', 'region', 'profile', 'paginate', 'max-items', 'cli-input-json']
/** Made by the CLI, of no single operation. */
const CUSTOM = ['logs tail', 's3 cp', 'cloudformation deploy']

test('every AWS command of README and docs has operations and options that there are', async (t) => {
  if (isMissing(t, { botocore: isProgram(python) })) return
  const pages = readPages()
  const blocks = pages.flatMap(shellTexts).map((text) => text.replaceAll('\\\n', ' '))
  const prose = pages.flatMap((page) => [...proseOf(page).matchAll(/`(aws [^`]+)`/g)].map(([, text = '']) => text))
  // What is in single quotes is a value; a command in "$( … )" is one of its own.
  const shown = [...blocks, ...prose.map((text) => text.replaceAll('\n', ' '))].map((text) =>
    text.replaceAll(/'[^']*'/g, 'X'),
  )
  const calls = shown.flatMap((text) =>
    [...text.matchAll(/(?<![\w-])aws ([a-z][a-z0-9-]+) ([a-z-]+)((?:(?!\baws )[^&|;\n])*)/g)].map(
      ([, service = '', operation = '', rest = '']) => {
        const options = [...rest.matchAll(/ --([a-z-]+)/g)].map(([, name = '']) => name)
        return [service, operation, options.filter((name) => !GLOBAL.includes(name))] as const
      },
    ),
  )
  assert.ok(calls.length > 30)
  const ours = calls.filter(([service, operation]) => !CUSTOM.includes(`${service} ${operation}`))
  const { status, stdout, stderr } = await run(python, ['-c', CHECK, JSON.stringify(ours)])
  assert.equal(status, 0, stderr)
  assert.deepEqual(JSON.parse(String(stdout)), [])
})
