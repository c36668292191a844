/** Parameters and documents: what is asked of moto and of the double, and where moto is known to lie. */

import { DOCUMENT } from '../aws/ssm-fixture.ts'
import type { Json } from '../aws/wire.ts'
import { ask, type Case, happens, lie, type Step } from './moto-contract.ts'

export const OTHER_DOCUMENT = DOCUMENT.replace('echo', 'printf')

export function publish(content = DOCUMENT, more: Json = {}): Step {
  return ask('CreateDocument', { Name: 'Doc', Content: content, DocumentType: 'Command', ...more }, { of: described })
}

function change(content = OTHER_DOCUMENT): Step {
  return ask(
    'UpdateDocument',
    { Name: 'Doc', Content: content, DocumentVersion: '$LATEST', DocumentFormat: 'JSON' },
    { of: described },
  )
}

function describe(version?: string): Step {
  const at = version === undefined ? {} : { DocumentVersion: version }
  return ask('DescribeDocument', { Name: 'Doc', ...at }, { of: described })
}

/** A document's description without status and platforms, which are a case of their own. */
function described(answer: Json): Json {
  const { PlatformTypes: _, Status: __, ...rest } = (answer['DocumentDescription'] ?? answer['Document']) as Json
  return rest
}

function statusOf(answer: Json): Json {
  const { PlatformTypes, Status } = (answer['DocumentDescription'] ?? answer['Document']) as Json
  return { PlatformTypes, Status }
}

const parameter = happens('somebody keeps a parameter', (system) => system.keepParameter('/acme/plan', '{}'))

export const DOCUMENT_CASES: readonly Case[] = [
  {
    name: 'a parameter',
    steps: [
      parameter,
      ask('GetParameter', { Name: '/acme/plan' }),
      ask('GetParameter', { Name: '/acme/plan', WithDecryption: true }),
      ask('GetParameter', { Name: 'arn:aws:ssm:us-east-1:123456789012:parameter/acme/plan' }),
      ask('GetParameter', { Name: '/acme/other' }),
    ],
  },
  {
    name: 'a document and its description',
    steps: [
      publish(),
      describe(),
      describe('1'),
      describe('$LATEST'),
      lie(describe('$DEFAULT'), {
        moto: 'InvalidDocument',
        service: 'ok',
        source: '[M] ssm DocumentVersion',
        why: 'of the words it knows $LATEST only',
      }),
      publish(),
    ],
  },
  {
    name: 'the status and the platforms of a document',
    steps: [
      lie(ask('CreateDocument', { Name: 'Doc', Content: DOCUMENT, DocumentType: 'Command' }, { of: statusOf }), {
        moto: { Status: 'Active', PlatformTypes: ['Not Implemented (moto)'] },
        service: { Status: 'Creating', PlatformTypes: ['Linux', 'MacOS'] },
        source: '[M] ssm DocumentStatus, PlatformType',
        why: 'documents are there at once, and for no platform',
      }),
      lie(ask('DescribeDocument', { Name: 'Doc' }, { of: statusOf }), {
        moto: { PlatformTypes: ['Not Implemented (moto)'] },
        service: { PlatformTypes: ['Linux', 'MacOS'] },
        source: '[M] ssm PlatformType',
        why: 'it has no list of what runs where',
      }),
    ],
  },
  {
    name: 'the content of a document',
    steps: [
      publish(),
      lie(ask('GetDocument', { Name: 'Doc' }), {
        moto: {},
        service: { CreatedDate: '(time)' },
        source: '[M] ssm GetDocumentResult',
        why: 'it leaves the time out',
      }),
      lie(ask('GetDocument', { Name: 'Doc', DocumentVersion: '1' }), {
        moto: {},
        service: { CreatedDate: '(time)' },
        source: '[M] ssm GetDocumentResult',
        why: 'it leaves the time out',
      }),
    ],
  },
  {
    name: 'a new version of a document, that becomes the default',
    steps: [
      publish(),
      change(),
      describe(),
      describe('$LATEST'),
      describe('2'),
      ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '2' }),
      describe(),
      ask('GetDocument', { Name: 'Doc' }, { of: ({ Content }) => ({ Content }) }),
    ],
  },
  { name: 'a version of a document with the content of another one', steps: [publish(), change(DOCUMENT)] },
  {
    name: 'versions of a document that are not there',
    steps: [
      publish(),
      lie(describe('2'), {
        moto: 'InvalidDocument',
        service: 'InvalidDocumentVersion',
        source: '[M] ssm InvalidDocumentVersion',
        why: 'it has one class for both',
      }),
      lie(ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '2' }), {
        moto: 'InvalidDocument',
        service: 'InvalidDocumentVersion',
        source: '[M] ssm InvalidDocumentVersion',
        why: 'it has one class for both',
      }),
      lie(ask('GetDocument', { Name: 'Doc', DocumentVersion: '2' }), {
        moto: 'InvalidDocument',
        service: 'InvalidDocumentVersion',
        source: '[M] ssm InvalidDocumentVersion',
        why: 'it has one class for both',
      }),
    ],
  },
  {
    name: 'a document that is not there',
    steps: [
      describe(),
      change(),
      ask('GetDocument', { Name: 'Doc' }),
      ask('UpdateDocumentDefaultVersion', { Name: 'Doc', DocumentVersion: '1' }),
      ask('DeleteDocument', { Name: 'Doc' }),
    ],
  },
  {
    name: 'a document that is deleted',
    steps: [publish(), ask('DeleteDocument', { Name: 'Doc' }), describe(), publish(OTHER_DOCUMENT)],
  },
  { name: 'a document that is no JSON', steps: [publish('{')] },
  {
    name: 'a document without a schema version',
    steps: [
      lie(publish('{}'), {
        moto: 'InvalidDocumentContent',
        service: 'InvalidDocumentSchemaVersion',
        source: '[M] ssm CreateDocument; its class [?]',
        why: 'it has one class for both',
      }),
    ],
  },
  {
    name: 'a document without steps',
    steps: [
      lie(publish('{"schemaVersion":"2.2","mainSteps":[]}'), {
        moto: 'ok',
        service: 'InvalidDocumentContent',
        source: 'SSM 14',
        why: 'it does not look into steps',
      }),
    ],
  },
  {
    name: 'a document with a parameter of an unknown type',
    steps: [
      lie(publish(DOCUMENT.replace('"String"', '"Text"')), {
        moto: 'ok',
        service: 'InvalidDocumentContent',
        source: 'SSM 2.1',
        why: 'it does not look into parameters',
      }),
    ],
  },
  {
    name: 'a document of more than 64 KB',
    steps: [
      lie(publish(DOCUMENT.replace('echo', `echo ${'x'.repeat(65_536)}`)), {
        moto: 'ok',
        service: 'MaxDocumentSizeExceeded',
        source: 'SSM 2.1',
        why: 'it has no limit',
      }),
    ],
  },
  { name: 'the name of a document', steps: [publish(DOCUMENT, { Name: 'a b' })] },
  {
    name: 'a document that looks like one of AWS',
    steps: [
      lie(publish(DOCUMENT, { Name: 'AWS-Doc' }), {
        moto: 'ok',
        service: 'InvalidDocumentContent',
        source: '[M] ssm CreateDocument Name; its class [?]',
        why: 'it compares with small letters',
      }),
    ],
  },
]
