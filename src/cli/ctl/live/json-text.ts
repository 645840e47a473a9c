/**
 * A JSON object or array over several lines, each value as it was written: numbers keep all of their digits, which
 * they would not if they were parsed. Undefined for anything else.
 */
export function indentedJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text) || !isJson(text)) return undefined;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let indented = '';
  let depth = 0;
  tokens.forEach((token, index) => {
    const isEmpty = /^[{[]$/.test(token) && /^[}\]]$/.test(tokens[index + 1] ?? '');
    const endsEmpty = /^[}\]]$/.test(token) && /^[{[]$/.test(tokens[index - 1] ?? '');
    if (/^[}\]]$/.test(token) && !endsEmpty) indented += newLine(--depth);
    indented += token;
    if (token === ',') indented += newLine(depth);
    else if (token === ':') indented += ' ';
    else if (/^[{[]$/.test(token) && !isEmpty) indented += newLine(++depth);
  });
  return indented;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function newLine(depth: number): string {
  return `\n${'  '.repeat(depth)}`;
}
