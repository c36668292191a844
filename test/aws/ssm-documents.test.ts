/** Documents as facts ssm-fleet-reload.md section 2 describes them, against the double; and the document that ships. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type Fixture, start } from './fixture.ts'

function content(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    schemaVersion: '2.2',
    description: 'says a word',
    parameters: { word: { type: 'String', allowedPattern: '^[a-z]+$' } },
    mainSteps: [
      { action: 'aws:runShellScript', name: 'say', inputs: { runCommand: ['echo {{ word }}'], timeoutSeconds: '60' } },
    ],
    ...change,
  })
}

function create({ ask }: Fixture, Content: string, more: Record<string, unknown> = {}) {
  return ask('CreateDocument', { Name: 'Doc', Content, DocumentType: 'Command', ...more })
}

describe('a document', () => {
  test('is created, then described with its SHA-256, and read back as it was written', async (context) => {
    const fixture = await start(context)
    const created = await create(fixture, content())
    assert.equal((created.body['DocumentDescription'] as { Status: string }).Status, 'Creating')
    const { body } = await fixture.ask('DescribeDocument', { Name: 'Doc' })
    const document = body['Document'] as Record<string, unknown>
    assert.deepEqual(
      [document['Status'], document['HashType'], document['Hash'], document['DocumentVersion']],
      ['Active', 'Sha256', createHash('sha256').update(content()).digest('hex'), '1'],
    )
    assert.deepEqual(document['PlatformTypes'], ['Linux', 'MacOS'])
    assert.equal((await fixture.ask('GetDocument', { Name: 'Doc' })).body['Content'], content())
    const arn = 'arn:aws:ssm:us-east-1:123456789012:document/Doc'
    assert.equal((await fixture.ask('DescribeDocument', { Name: arn })).type, 'ok')
  })

  test('is not usable until it is active', async (context) => {
    const fixture = await start(context, { documentReads: 1 })
    await create(fixture, content())
    const send = { DocumentName: 'Doc', Targets: [{ Key: 'tag:a', Values: ['b'] }], Parameters: { word: ['hi'] } }
    assert.equal((await fixture.ask('SendCommand', send)).type, 'InvalidDocument')
    const status = async () =>
      ((await fixture.ask('DescribeDocument', { Name: 'Doc' })).body['Document'] as { Status: string }).Status
    assert.deepEqual([await status(), await status()], ['Creating', 'Active'])
    assert.equal((await fixture.ask('SendCommand', send)).type, 'ok')
  })

  test('has versions; the default one moves only when told', async (context) => {
    const fixture = await start(context)
    await create(fixture, content())
    const second = content({ description: 'says it again' })
    assert.equal(
      (await fixture.ask('UpdateDocument', { Name: 'Doc', Content: content() })).type,
      'DuplicateDocumentContent',
    )
    await fixture.ask('UpdateDocument', { Name: 'Doc', Content: second, DocumentVersion: '$LATEST' })
    const version = async (DocumentVersion: string) =>
      (
        (await fixture.ask('DescribeDocument', { Name: 'Doc', DocumentVersion })).body['Document'] as {
          Description: string
        }
      ).Description
    assert.deepEqual([await version('$DEFAULT'), await version('$LATEST')], ['says a word', 'says it again'])
    await fixture.ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '2' })
    assert.equal(await version('$DEFAULT'), 'says it again')
    assert.equal(
      (await fixture.ask('DescribeDocument', { Name: 'Doc', DocumentVersion: '3' })).type,
      'InvalidDocumentVersion',
    )
  })

  test('that is not there is InvalidDocument', async (context) => {
    const { ask } = await start(context)
    for (const operation of ['DescribeDocument', 'GetDocument', 'DeleteDocument']) {
      assert.equal((await ask(operation, { Name: 'Nope' })).type, 'InvalidDocument', operation)
    }
  })
})

describe('CreateDocument refuses', () => {
  const step = { action: 'aws:runShellScript', name: 'say', inputs: { runCommand: ['true'] } }
  const refused: [string, string, string][] = [
    ['content that is no JSON object', '[]', 'InvalidDocumentContent'],
    ['another schema version', content({ schemaVersion: '1.2' }), 'InvalidDocumentSchemaVersion'],
    ['no steps', content({ mainSteps: [] }), 'InvalidDocumentContent'],
    ['two steps of one name', content({ mainSteps: [step, step] }), 'InvalidDocumentContent'],
    ['an unknown action', content({ mainSteps: [{ ...step, action: 'aws:nope' }] }), 'InvalidDocumentContent'],
    ['a parameter name with a dash', content({ parameters: { 'a-b': { type: 'String' } } }), 'InvalidDocumentContent'],
    ['a parameter of another type', content({ parameters: { word: { type: 'StringMap' } } }), 'InvalidDocumentContent'],
    [
      'a misspelled parameter field',
      content({ parameters: { word: { type: 'String', pattern: 'x' } } }),
      'InvalidDocumentContent',
    ],
    [
      'a pattern that does not compile',
      content({ parameters: { word: { type: 'String', allowedPattern: '(' } } }),
      'InvalidDocumentContent',
    ],
    ['an undeclared placeholder', content({ parameters: {} }), 'InvalidDocumentContent'],
    ['more than 64 KB', content({ description: 'x'.repeat(65_536) }), 'MaxDocumentSizeExceeded'],
  ]
  for (const [what, text, type] of refused) {
    test(what, async (context) => {
      assert.equal((await create(await start(context), text)).type, type)
    })
  }

  test('a name that is taken, or AWS own', async (context) => {
    const fixture = await start(context)
    await create(fixture, content())
    assert.equal((await create(fixture, content())).type, 'DocumentAlreadyExists')
    assert.equal((await create(fixture, content(), { Name: 'AWS-Doc' })).type, 'InvalidDocumentContent')
  })
})

test('the document that ships is accepted', async (context) => {
  const shipped = readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8')
  const answer = await create(await start(context), shipped)
  assert.equal(answer.type, 'ok', answer.message)
})
