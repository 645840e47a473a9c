/**
 * Writes the codec in src/protocol from the tables in spec/amqp.ts, and the reference page of the settings.
 *
 *     npm run generate          write the files
 *     npm run generate:check    exit with 1 if a checked-in file is not what would be written
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { referencePage as commandsPage } from '../src/cli/ctl/reference.ts';
import { referencePage } from '../src/config/reference.ts';
import { basicProperties, type ClassSpec, classes, type Domain, type MethodSpec } from './amqp.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const notice =
  '// Generated from spec/amqp.ts by spec/generate.ts (npm run generate). Change those, not this.\n';

/** How each wire type looks in TypeScript, and what reads and writes it. */
const domains: Record<Exclude<Domain, 'bit'>, { type: string; read: string; write: string; zero: string }> = {
  octet: { type: 'number', read: 'uint8', write: 'uint8', zero: '0' },
  short: { type: 'number', read: 'uint16', write: 'uint16', zero: '0' },
  long: { type: 'number', read: 'uint32', write: 'uint32', zero: '0' },
  longlong: { type: 'number', read: 'uint64', write: 'uint64', zero: '0' },
  timestamp: { type: 'bigint', read: 'bigUint64', write: 'bigUint64', zero: '0n' },
  shortstr: { type: 'string', read: 'shortString', write: 'shortString', zero: "''" },
  'raw-shortstr': { type: 'string', read: 'rawShortString', write: 'shortString', zero: "''" },
  longstr: { type: 'Buffer', read: 'longString', write: 'longString', zero: 'noBytes' },
  table: { type: 'FieldTable', read: 'table', write: 'table', zero: 'FieldTable.empty' },
};

interface Argument {
  readonly name: string;
  /** The name as a variable: strict mode has another use for `arguments`. */
  readonly variable: string;
  readonly domain: Domain;
  readonly reserved: boolean;
}

/** A method together with the names it goes by. */
interface Method extends Omit<MethodSpec, 'arguments'> {
  /** `BasicGetOk` */
  readonly typeName: string;
  /** `basic.get-ok` */
  readonly fullName: string;
  /** class id << 16 | method id */
  readonly fullId: number;
  readonly arguments: readonly Argument[];
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function methodOf(owner: ClassSpec, method: MethodSpec): Method {
  return {
    ...method,
    typeName: pascalCase(owner.name) + pascalCase(method.name),
    fullName: `${owner.name}.${method.name}`,
    fullId: (owner.id << 16) | method.id,
    arguments: Object.entries(method.arguments ?? {}).map(([name, domain]) => ({
      name: camelCase(name),
      variable: name === 'arguments' ? 'table' : camelCase(name),
      domain,
      reserved: name.startsWith('reserved-'),
    })),
  };
}

const methods = classes.flatMap((owner) => owner.methods.map((method) => methodOf(owner, method)));

function typeOf(domain: Domain): string {
  return domain === 'bit' ? 'boolean' : domains[domain].type;
}

/** The arguments cut into what is read or written at once: runs of bits share an octet (section 4.2.5.2). */
function wireFields(all: readonly Argument[]): (Argument | Argument[])[] {
  const fields: (Argument | Argument[])[] = [];
  for (const argument of all) {
    const last = fields.at(-1);
    if (argument.domain !== 'bit') fields.push(argument);
    else if (Array.isArray(last) && last.length < 8) last.push(argument);
    else fields.push([argument]);
  }
  return fields;
}

function writing(domain: Exclude<Domain, 'bit'>, value: string): string {
  return domain === 'table' ? `writeTable(writer, ${value});` : `writer.${domains[domain].write}(${value});`;
}

function hex(id: number): string {
  return `0x${id.toString(16).padStart(8, '0')}`;
}

function interfaceOf(method: Method): string {
  const sender = method.from === 'both' ? 'either side' : `the ${method.from}`;
  const notes = [
    method.synchronous ? ', which waits for the answer' : '',
    method.content ? ', with content' : '',
  ];
  const fields = method.arguments
    .filter((argument) => !argument.reserved)
    .map((argument) => `readonly ${argument.name}: ${typeOf(argument.domain)};`);
  return `/** ${method.fullName}, sent by ${sender}${notes.join('')}. */
    export interface ${method.typeName} {
      readonly id: typeof MethodId.${method.typeName};
      ${fields.join('\n')}
    }`;
}

function decoderOf(method: Method): string {
  const statements: string[] = [];
  const values: string[] = [];
  for (const field of wireFields(method.arguments)) {
    if (Array.isArray(field)) {
      const live = field.filter((bit) => !bit.reserved);
      statements.push(live.length > 0 ? 'const bits = reader.uint8();' : 'reader.uint8();');
      for (const bit of live) values.push(`${bit.name}: (bits & ${1 << field.indexOf(bit)}) !== 0`);
    } else if (field.domain !== 'bit') {
      const read = `reader.${domains[field.domain].read}();`;
      statements.push(field.reserved ? read : `const ${field.variable} = ${read}`);
      if (!field.reserved)
        values.push(field.name === field.variable ? field.name : `${field.name}: ${field.variable}`);
    }
  }
  const result = [`id: MethodId.${method.typeName}`, ...values].join(', ');
  if (method.arguments.length === 0) {
    return `function decode${method.typeName}(): ${method.typeName} { return { ${result} }; }`;
  }
  return `function decode${method.typeName}(reader: ByteReader): ${method.typeName} {
    ${statements.join('\n')}
    return { ${result} };
  }`;
}

function encoderOf(method: Method): string {
  const parameters = method.arguments
    .filter((argument) => !argument.reserved)
    .map((argument) => `${argument.variable}: ${typeOf(argument.domain)}`);
  const statements = [`writer.uint32(MethodId.${method.typeName});`];
  for (const field of wireFields(method.arguments)) {
    if (Array.isArray(field)) {
      const bits = field.flatMap((bit, index) =>
        bit.reserved ? [] : `(${bit.variable} ? ${1 << index} : 0)`,
      );
      statements.push(`writer.uint8(${bits.join(' | ') || '0'});`);
    } else if (field.domain !== 'bit') {
      const { zero } = domains[field.domain];
      const value = field.reserved ? zero : field.variable;
      statements.push(writing(field.domain, value));
    }
  }
  return `export function encode${method.typeName}(${['writer: ByteWriter', ...parameters].join(', ')}): void {
    ${statements.join('\n')}
  }`;
}

function unionOf(name: string, comment: string, members: readonly Method[]): string {
  return `/** ${comment} */\nexport type ${name} = ${members.map((method) => method.typeName).join(' | ')};`;
}

function methodsSource(): string {
  const decodeCases = methods.map((method) => {
    const call = method.arguments.length === 0 ? '()' : '(reader)';
    return `case MethodId.${method.typeName}: return decode${method.typeName}${call};`;
  });
  const encodeCases = methods.map((method) => {
    const fields = method.arguments.filter((argument) => !argument.reserved);
    const values = ['writer', ...fields.map((argument) => `method.${argument.name}`)];
    return `case MethodId.${method.typeName}: encode${method.typeName}(${values.join(', ')}); break;`;
  });
  return `${notice}
import { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { AmqpError, ReplyCode } from './errors.ts';
import type { FieldTable } from './field-table.ts';
import { writeTable } from './field-table-codec.ts';

/** Class id << 16 | method id: the first four octets of a method frame's payload. */
export const MethodId = {
  ${methods.map((method) => `${method.typeName}: ${hex(method.fullId)},`).join('\n')}
} as const;

export type MethodId = (typeof MethodId)[keyof typeof MethodId];

const names: ReadonlyMap<number, string> = new Map([
  ${methods.map((method) => `[${hex(method.fullId)}, '${method.fullName}'],`).join('\n')}
]);

/** \`basic.publish\`; \`class.method\` in figures for an id that does not exist. */
export function methodName(id: number): string {
  return names.get(id) ?? \`\${id >>> 16}.\${id & 0xffff}\`;
}

${methods.map(interfaceOf).join('\n\n')}

${unionOf(
  'ClientMethod',
  'What a client may send.',
  methods.filter((method) => method.from !== 'server'),
)}

${unionOf(
  'ServerMethod',
  'What a server may send.',
  methods.filter((method) => method.from !== 'client'),
)}

export type Method = ClientMethod | ServerMethod;

const noBytes = Buffer.alloc(0);

/**
 * The arguments of method \`id\` are buffer[start,end).
 *
 * Throws AmqpError: 503 \`unimplemented method\` for an id that does not exist and 501 for arguments that cannot
 * be decoded, both with class and method set; 501 \`Malformed UTF-8 in shortstr\` without, as RabbitMQ sends it
 * (on channel 0 it adds them).
 */
export function decodeMethod(id: number, buffer: Buffer, start: number, end: number): Method {
  const reader = new ByteReader(buffer, start, end, id);
  const method = decodeArguments(id, reader);
  reader.finish();
  return method;
}

/** Appends class id, method id and arguments: the payload of a method frame. */
export function encodeMethod(writer: ByteWriter, method: Method): void {
  switch (method.id) {
    ${encodeCases.join('\n')}
  }
}

function decodeArguments(id: number, reader: ByteReader): Method {
  switch (id) {
    ${decodeCases.join('\n')}
    default:
      throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method').during(id);
  }
}

${methods.map(decoderOf).join('\n\n')}

${methods.map(encoderOf).join('\n\n')}
`;
}

function propertiesSource(): string {
  const properties = Object.entries(basicProperties).map(([name, domain], index) => {
    if (domain === 'bit') throw new Error(`property ${name}: bits are not supported as properties`);
    return {
      name: camelCase(name),
      flagName: pascalCase(name),
      flag: 0x8000 >>> index,
      domain,
      ...domains[domain],
    };
  });
  const fields = properties.map(({ name, type }) => `${name}?: ${type} | undefined;`);
  const reads = properties.map(
    ({ name, flagName, read }) =>
      `if ((flags & PropertyFlag.${flagName}) !== 0) properties.${name} = reader.${read}();`,
  );
  const flags = properties.map(
    ({ name, flagName }) => `(properties.${name} === undefined ? 0 : PropertyFlag.${flagName})`,
  );
  const writes = properties.map(
    ({ name, domain }) => `if (properties.${name} !== undefined) ${writing(domain, `properties.${name}`)}`,
  );
  return `${notice}
import { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { FieldTable } from './field-table.ts';
import { writeTable } from './field-table-codec.ts';

/** Bits of the property flags, the first two octets of a property list. The two lowest are ignored, as in RabbitMQ. */
export const PropertyFlag = {
  ${properties.map(({ flagName, flag }) => `${flagName}: 0x${flag.toString(16).padStart(4, '0')},`).join('\n')}
} as const;

/** Properties of class basic; what is absent was not sent. */
export interface BasicProperties {
  ${fields.join('\n')}
}

/** The property list (flags and values) in buffer[start,end). Throws AmqpError 501 if it is malformed. */
export function decodeProperties(buffer: Buffer, start: number, end: number): BasicProperties {
  const reader = new ByteReader(buffer, start, end);
  const flags = reader.uint16();
  const properties: BasicProperties = {};
  ${reads.join('\n')}
  reader.finish();
  return properties;
}

/** Appends the property list: flags and values. */
export function writeProperties(writer: ByteWriter, properties: BasicProperties): void {
  writer.uint16(${flags.join(' | ')});
  ${writes.join('\n')}
}
`;
}

function formatted(path: string, source: string): string {
  const biome = `${root}node_modules/.bin/biome`;
  return execFileSync(biome, ['format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: source,
    encoding: 'utf8',
  });
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const files = {
  'src/protocol/methods.ts': methodsSource(),
  'src/protocol/basic-properties.ts': propertiesSource(),
  'docs/configuration-reference.md': referencePage(),
  'docs/leveretctl-reference.md': await commandsPage(),
};
const checkOnly = process.argv.includes('--check');

for (const [path, source] of Object.entries(files)) {
  const text = formatted(path, source);
  if (readOrEmpty(root + path) === text) continue;
  if (checkOnly) {
    process.stderr.write(`${path} is stale: run "npm run generate" and commit the result\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(root + path, text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
