import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import type { JsonValue } from '../broker/store.ts';
import { isObject } from '../json-object.ts';
import { Slices } from '../slices.ts';
import { DefinitionError } from './definition-error.ts';

/** Bytes that are parsed before others may get their turn: a millisecond or less. */
const chunkBytes = 16 * 1024;

/** Deep enough for anything real; deeper values would exhaust the stack of whoever walks them. */
const nestingMax = 128;

/** Takes the entries of the sections that it knows. */
export interface SectionReader {
  /** Whether anything is done with this section. */
  knows(section: string): boolean;
  /** @throws DefinitionError */
  entry(section: string, index: number, value: JsonValue): void;
}

/**
 * Reads a JSON object of lists bit by bit, so that a large file does not keep the event loop. Sections that the
 * reader does not know may be anything.
 *
 * @throws DefinitionError for what is no JSON, and what the reader throws
 */
export async function readSections(file: Uint8Array, reader: SectionReader): Promise<void> {
  const parser = sectionParser(reader);
  const slices = new Slices(1);
  for (let start = 0; start < file.length; start += chunkBytes) {
    parser.write(file.subarray(start, start + chunkBytes));
    const pause = slices.next();
    if (pause !== undefined) await pause;
  }
  parser.end();
}

interface Parser {
  write(chunk: Uint8Array): void;
  end(): void;
}

/** The library tells its user of an error, and again of what that user throws; the first one counts. */
function sectionParser(reader: SectionReader): Parser {
  const tokenizer = new Tokenizer();
  const values = new TokenParser({ paths: ['$', '$.*', '$.*.*'] });
  let failure: unknown;
  let depth = 0;
  const fail = (error: unknown): never => {
    failure ??= error;
    throw failure;
  };
  tokenizer.onError = fail;
  values.onError = fail;
  tokenizer.onToken = (token) => {
    depth += depthChange(token.token);
    if (depth > nestingMax) {
      throw new DefinitionError(`lists and objects lie in each other at most ${nestingMax} deep`);
    }
    values.write(token);
  };
  values.onValue = ({ value, key, parent, stack }) => {
    if (value === undefined) return;
    const section = stack[1]?.key ?? key;
    if (section === undefined) {
      if (!isObject(value)) throw notJson('it has to be one object');
    } else if (typeof section === 'string' && reader.knows(section)) {
      if (typeof key === 'number') reader.entry(section, key, value);
      else if (stack.length === 1 && !Array.isArray(value)) {
        throw new DefinitionError(`'${section}' has to be a list`);
      }
    }
    // What has been taken need not be kept until the end of the file.
    if (Array.isArray(parent)) parent.length = 0;
  };
  const carefully = (step: () => void) => {
    try {
      step();
    } catch (error) {
      if (error instanceof DefinitionError) throw error;
      throw notJson(error instanceof Error ? error.message : String(error));
    }
  };
  return {
    write: (chunk) => carefully(() => tokenizer.write(chunk)),
    end: () => {
      carefully(() => tokenizer.end());
      if (!values.isEnded) throw notJson('it ends too early');
    },
  };
}

function notJson(reason: string): DefinitionError {
  return new DefinitionError(`this is no JSON object: ${reason}`, 'syntax');
}

function depthChange(token: TokenType): number {
  if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) return 1;
  return token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET ? -1 : 0;
}
