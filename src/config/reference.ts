import { chapters, environmentName } from './setting.ts';
import { type ListedSetting, settings } from './settings.ts';

/** The reference page of all settings (docs/configuration-reference.md), in Markdown. */
export function referencePage(): string {
  const sections = chapters.flatMap((chapter) => {
    const ofChapter = settings.filter((setting) => setting.chapter === chapter);
    return ofChapter.length === 0 ? [] : [`## ${chapter}`, ...ofChapter.map(section)];
  });
  return `${[
    '# Settings',
    'Written from the schema of the settings (`src/config/settings.ts`) by `npm run generate`. [How to configure](configuration.md) explains files, precedence and reloading.',
    ...sections,
  ].join('\n\n')}\n`;
}

function section(setting: ListedSetting): string {
  const keys = setting.fileKeys.map((key) => `\`${key}\``).join(', ');
  return [
    `### \`${setting.fileKeys[0] ?? `--${setting.flag}`}\``,
    '',
    setting.doc,
    '',
    setting.secret === true
      ? `- Environment: \`${environmentName(setting.flag)}\`; never shown, and no flag, which everybody on the machine could read`
      : `- Flag and environment: \`--${setting.flag}\`, \`${environmentName(setting.flag)}\``,
    ...(keys === '' ? [] : [`- In the file: ${keys}`]),
    `- Value: \`${setting.type.placeholder}\`; default: ${setting.defaultText}`,
    ...(setting.live === true ? ['- A running broker takes a change up on SIGHUP.'] : []),
  ].join('\n');
}
