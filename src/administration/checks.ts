import { patternFault } from '../broker/policies/name-pattern.ts';
import { AdministrationError } from './administration-error.ts';

/** AMQP's short strings hold no more, so no client could say a longer one. */
const nameBytesMax = 255;

/** Free text, in bytes. */
const textBytesMax = 4096;

/** Tags of a user or a virtual host. */
const tagsMax = 100;

/** @throws AdministrationError */
export function checkName(what: string, name: string): void {
  if (name === '') throw new AdministrationError('invalid', `the name of a ${what} cannot be empty`);
  checkLength(`the name of a ${what}`, name, nameBytesMax);
}

/** @throws AdministrationError */
export function checkText(what: string, text: string): void {
  checkLength(what, text, textBytesMax);
}

/** @throws AdministrationError */
export function checkTags(tags: readonly string[]): void {
  if (tags.length > tagsMax) throw new AdministrationError('invalid', `there are at most ${tagsMax} tags`);
  for (const tag of tags) checkLength('a tag', tag, nameBytesMax);
}

/** @throws AdministrationError */
export function checkPattern(what: string, pattern: string): void {
  const fault = patternFault(pattern);
  if (fault === undefined) return;
  throw new AdministrationError('invalid', `${what} should be regular expression but is invalid: ${fault}`);
}

/** @throws AdministrationError */
export function checkRoom(what: string, count: number, max: number): void {
  if (count >= max) throw new AdministrationError('limit', `there are at most ${max} ${what}`);
}

/** A limit is an integer; a negative one is none. @throws AdministrationError */
export function checkLimits<Name extends string>(
  known: readonly Name[],
  limits: Readonly<Record<string, unknown>>,
): Partial<Record<Name, number>> {
  const checked: Partial<Record<Name, number>> = {};
  for (const [key, value] of Object.entries(limits)) {
    const name = known.find((one) => one === key);
    if (name === undefined) {
      throw new AdministrationError('invalid', `unknown limit '${key}': it is one of ${known.join(', ')}`);
    }
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw new AdministrationError(
        'invalid',
        `the limit ${name} should be an integer, such as 100, or -1 for none`,
      );
    }
    checked[name] = value;
  }
  return checked;
}

function checkLength(what: string, text: string, bytesMax: number): void {
  if (Buffer.byteLength(text) > bytesMax) {
    throw new AdministrationError('invalid', `${what} has at most ${bytesMax} bytes`);
  }
  if (/\p{Surrogate}/u.test(text)) throw new AdministrationError('invalid', `${what} is not valid Unicode`);
}
