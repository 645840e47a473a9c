import '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { badRequest } from './api-error.ts';

/** A file that came with a form, as browsers send it. */
export interface Upload {
  readonly file: Buffer;
  /** Where the browser is to go then, relative to this request. */
  readonly redirect: string | undefined;
}

/** Parts of a form besides the file. */
const fieldsMax = 16;
const fieldBytesMax = 1024 * 1024;

/** Reads a form with one `file` of at most so many bytes. @throws ApiError 400, and 413 as an error of the library */
export async function readUpload(request: FastifyRequest, fileBytesMax: number): Promise<Upload> {
  const limits = { files: 1, fileSize: fileBytesMax, fields: fieldsMax, fieldSize: fieldBytesMax };
  let file: Buffer | undefined;
  let redirect: string | undefined;
  for await (const part of request.parts({ limits })) {
    if (part.type === 'file') file = await part.toBuffer();
    else if (typeof part.value !== 'string') continue;
    else if (part.valueTruncated)
      throw badRequest(`'${part.fieldname}' is too long`, 'Send a file as a file.');
    else if (part.fieldname === 'file') file = Buffer.from(part.value);
    else if (part.fieldname === 'redirect') redirect = checkedRedirect(part.value);
  }
  if (file === undefined) throw badRequest('failed_to_parse_json', "The form has no part called 'file'.");
  return { file, redirect };
}

/** A form must not lead to somebody else's pages. @throws ApiError 400 */
function checkedRedirect(given: string): string {
  const here = 'http://localhost';
  if (!URL.canParse(given, here) || new URL(given, here).origin !== here || /^[/\\]{2}/.test(given)) {
    throw badRequest('bad_redirect', "'redirect' has to be a path on this server.");
  }
  return given;
}
