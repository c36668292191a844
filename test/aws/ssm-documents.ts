/** SSM Command documents: made, versioned, described, and checked as facts ssm-fleet-reload.md section 2 says. */

import { createHash } from 'node:crypto'
import { type CommandDocument, parseDocument, platformsOf } from './document-content.ts'
import {
  AwsRefusal,
  type Json,
  list,
  type Of,
  type Operations,
  operation,
  string,
  structure,
  timestamp,
} from './wire.ts'
import type { World } from './world.ts'

export interface DocumentVersion {
  readonly name: string
  readonly version: string
  readonly content: string
  readonly hash: string
  readonly document: CommandDocument
  readonly createdAt: number
}

interface StoredDocument {
  readonly name: string
  readonly versions: DocumentVersion[]
  defaultVersion: number
  /** Reads that still see `Creating` or `Updating`. */
  readsUntilActive: number
}

const NAME = string({ pattern: /^[a-zA-Z0-9_\-.]{3,128}$/ })
const NAME_OR_ARN = string({ pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ })
const VERSION = string({ pattern: /^([$]LATEST|[$]DEFAULT|[1-9][0-9]*)$/ })
const CONTENT = string({ min: 1 })
const FORMAT = string({ values: ['JSON', 'YAML', 'TEXT'] })

const shapes = {
  create: structure(
    {
      Name: NAME,
      Content: CONTENT,
      DocumentType: string({ values: ['Command', 'Automation', 'Policy', 'Session', 'Package'] }),
      DocumentFormat: FORMAT,
      TargetType: string({ max: 200, pattern: /^\/[\w.\-:/]*$/ }),
      VersionName: string({ pattern: /^[a-zA-Z0-9_\-.]{1,128}$/ }),
      Tags: list(structure({ Key: string({ min: 1, max: 128 }), Value: string({ max: 256 }) }, ['Key', 'Value'])),
    },
    ['Name', 'Content'],
  ),
  update: structure({ Name: NAME, Content: CONTENT, DocumentVersion: VERSION, DocumentFormat: FORMAT }, [
    'Name',
    'Content',
  ]),
  setDefault: structure({ Name: NAME, DocumentVersion: string({ pattern: /^[1-9][0-9]*$/ }) }, [
    'Name',
    'DocumentVersion',
  ]),
  read: structure({ Name: NAME_OR_ARN, DocumentVersion: VERSION }, ['Name']),
  get: structure({ Name: NAME_OR_ARN, DocumentVersion: VERSION, DocumentFormat: FORMAT }, ['Name']),
  delete: structure({ Name: NAME }, ['Name']),
}

export class SsmDocuments {
  readonly #documents = new Map<string, StoredDocument>()
  readonly #world: World
  readonly #readsUntilActive: number

  constructor(world: World, readsUntilActive: number) {
    this.#world = world
    this.#readsUntilActive = readsUntilActive
  }

  operations(): Operations {
    return {
      CreateDocument: operation(shapes.create, (input) => this.#create(input)),
      UpdateDocument: operation(shapes.update, (input) => this.#update(input)),
      UpdateDocumentDefaultVersion: operation(shapes.setDefault, (input) => this.#setDefault(input)),
      DescribeDocument: operation(shapes.read, (input) => this.#describe(input)),
      GetDocument: operation(shapes.get, (input) => this.#get(input)),
      DeleteDocument: operation(shapes.delete, (input) => this.#delete(input)),
    }
  }

  /** Makes or replaces a document at once, without a request; for tests and the demo. */
  publish(name: string, content: string): DocumentVersion {
    const stored = this.#documents.get(name)
    if (stored === undefined) return this.#add(name, content, 0)
    const version = this.#versionOf(name, content, stored.versions.length + 1)
    stored.versions.push(version)
    stored.defaultVersion = stored.versions.length
    return version
  }

  /** What SendCommand runs; throws InvalidDocument and InvalidDocumentVersion. */
  forCommand(name: string, version: string | undefined): DocumentVersion {
    const stored = this.#find(name)
    if (stored.readsUntilActive > 0) throw noDocument(name)
    return pick(stored, version)
  }

  #create(input: Of<typeof shapes.create>): Json {
    if (this.#documents.has(input.Name)) {
      throw new AwsRefusal('DocumentAlreadyExists', `Document with name ${input.Name} already exists`)
    }
    if (/^(aws|amazon|amzn)/i.test(input.Name)) {
      throw new AwsRefusal('InvalidDocumentContent', `Document names must not begin with ${input.Name.slice(0, 4)}`)
    }
    if (input.DocumentType !== undefined && input.DocumentType !== 'Command') {
      throw new AwsRefusal(
        'InvalidDocumentContent',
        `This double has Command documents only, not ${input.DocumentType}`,
      )
    }
    checkFormat(input.DocumentFormat)
    const version = this.#add(input.Name, input.Content, this.#readsUntilActive)
    return { DocumentDescription: { ...this.#description(this.#find(input.Name), version), Status: 'Creating' } }
  }

  #update(input: Of<typeof shapes.update>): Json {
    const stored = this.#find(input.Name)
    checkFormat(input.DocumentFormat)
    if (stored.versions.some(({ content }) => content === input.Content)) {
      throw new AwsRefusal(
        'DuplicateDocumentContent',
        'The content of the association document matches another document.',
      )
    }
    const version = this.#versionOf(input.Name, input.Content, stored.versions.length + 1)
    stored.versions.push(version)
    return { DocumentDescription: { ...this.#description(stored, version), Status: 'Updating' } }
  }

  #setDefault(input: Of<typeof shapes.setDefault>): Json {
    const stored = this.#find(input.Name)
    stored.defaultVersion = Number(pick(stored, input.DocumentVersion).version)
    return { Description: { Name: stored.name, DefaultVersion: String(stored.defaultVersion) } }
  }

  #describe(input: Of<typeof shapes.read>): Json {
    const stored = this.#find(input.Name)
    const version = pick(stored, input.DocumentVersion)
    return { Document: { ...this.#description(stored, version), Status: this.#statusSeen(stored) } }
  }

  #get(input: Of<typeof shapes.get>): Json {
    const stored = this.#find(input.Name)
    const { name, version, content, createdAt } = pick(stored, input.DocumentVersion)
    return {
      Name: name,
      DocumentVersion: version,
      Status: this.#statusSeen(stored),
      Content: content,
      DocumentType: 'Command',
      DocumentFormat: 'JSON',
      CreatedDate: timestamp(createdAt),
    }
  }

  #delete(input: Of<typeof shapes.delete>): Json {
    this.#documents.delete(this.#find(input.Name).name)
    return {}
  }

  #statusSeen(stored: StoredDocument): string {
    if (stored.readsUntilActive === 0) return 'Active'
    stored.readsUntilActive -= 1
    return 'Creating'
  }

  #description(stored: StoredDocument, version: DocumentVersion): Json {
    const { name, hash, document, createdAt } = version
    return {
      Name: name,
      Hash: hash,
      HashType: 'Sha256',
      Owner: this.#world.account,
      CreatedDate: timestamp(createdAt),
      DocumentVersion: version.version,
      ...(document.description === undefined ? {} : { Description: document.description }),
      Parameters: Object.entries(document.parameters).map(([parameter, { type, description, default: value }]) => ({
        Name: parameter,
        Type: type,
        ...(description === undefined ? {} : { Description: description }),
        ...(value === undefined ? {} : { DefaultValue: typeof value === 'string' ? value : JSON.stringify(value) }),
      })),
      PlatformTypes: platformsOf(document),
      DocumentType: 'Command',
      SchemaVersion: '2.2',
      LatestVersion: String(stored.versions.length),
      DefaultVersion: String(stored.defaultVersion),
      DocumentFormat: 'JSON',
    }
  }

  #add(name: string, content: string, readsUntilActive: number): DocumentVersion {
    const version = this.#versionOf(name, content, 1)
    this.#documents.set(name, { name, versions: [version], defaultVersion: 1, readsUntilActive })
    return version
  }

  #versionOf(name: string, content: string, version: number): DocumentVersion {
    const document = parseDocument(content)
    const hash = createHash('sha256').update(content).digest('hex')
    return { name, version: String(version), content, hash, document, createdAt: this.#world.clock.now() }
  }

  #find(nameOrArn: string): StoredDocument {
    const prefix = this.#world.arn('ssm', 'document/')
    const name = nameOrArn.startsWith(prefix) ? nameOrArn.slice(prefix.length) : nameOrArn
    const stored = this.#documents.get(name)
    if (stored === undefined) throw noDocument(nameOrArn)
    return stored
  }
}

function pick(stored: StoredDocument, version = '$DEFAULT'): DocumentVersion {
  const number =
    version === '$DEFAULT' ? stored.defaultVersion : version === '$LATEST' ? stored.versions.length : Number(version)
  const found = stored.versions[number - 1]
  if (found === undefined) {
    throw new AwsRefusal(
      'InvalidDocumentVersion',
      `Document version ${version} does not exist for document ${stored.name}`,
    )
  }
  return found
}

function noDocument(name: string): AwsRefusal {
  return new AwsRefusal('InvalidDocument', `Document with name ${name} does not exist.`)
}

function checkFormat(format: string | undefined): void {
  if (format === undefined || format === 'JSON') return
  throw new AwsRefusal('InvalidDocumentContent', `This double reads JSON only, not ${format}`)
}
