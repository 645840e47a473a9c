import { suggestion } from '../../../config/nearest.ts';
import { usageError } from '../../flags.ts';

/** Each asks leveretctl itself, so that what it knows is never out of date. */
const scripts = {
  bash: `# leveretctl completion bash > /etc/bash_completion.d/leveretctl
_leveretctl() {
  local line words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  # With ":" and "=" among the word breaks, bash hands over the parts of names.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur words_ cword_
    _get_comp_words_by_ref -n := -c cur -w words_ -i cword_
    words=("\${words_[@]:1:cword_}")
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$(printf %q "\${line%%$'\\t'*}")")
  done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "\${words[-1]}"; fi
}
complete -F _leveretctl leveretctl
`,
  zsh: `#compdef leveretctl
# leveretctl completion zsh > "\${fpath[1]}/_leveretctl"
_leveretctl() {
  local -a candidates
  local line
  while IFS= read -r line; do
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}\${line:+:}\${line#*$'\\t'}")
  done < <("\${words[1]}" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe leveretctl candidates
}
if [ "$funcstack[1]" = "_leveretctl" ]; then _leveretctl "$@"; else compdef _leveretctl leveretctl; fi
`,
  fish: `# leveretctl completion fish > ~/.config/fish/completions/leveretctl.fish
function __leveretctl_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c leveretctl -f -a '(__leveretctl_complete)'
`,
} as const;

const shells = ['bash', 'zsh', 'fish'] as const;

/** The script for a shell. @throws CommandError when there is none */
export function completionScript(words: readonly string[]): string {
  const [word = '', ...others] = words;
  const shell = shells.find((name) => name === word);
  if (shell !== undefined && others.length === 0) return scripts[shell];
  const meant = word === '' ? '' : suggestion(word, shells);
  throw usageError(`say which shell: leveretctl completion ${shells.join('|')}${meant}`);
}
