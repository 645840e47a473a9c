import { suggestion } from '../../../config/nearest.ts';
import { usageError } from '../../flags.ts';

/** Each asks leveretctl itself, so that what it knows is never out of date. */
const scripts = {
  bash: `# leveretctl completion bash > /etc/bash_completion.d/leveretctl
_leveretctl() {
  local line=\${COMP_LINE:0:COMP_POINT} candidate cut=
  local -a words
  read -a words <<< "$line"
  [[ $line == *[!\\\\][[:space:]] ]] && words+=('')
  # Bash replaces what follows the last of these only.
  local last=\${words[-1]}
  [[ $last == *[:=]* ]] && cut=\${last%"\${last##*[:=]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    candidate=\${candidate%%$'\\t'*}
    COMPREPLY+=("$(printf %q "\${candidate#"$cut"}")")
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _leveretctl leveretctl
`,
  zsh: `#compdef leveretctl
# leveretctl completion zsh > "\${fpath[1]}/_leveretctl"
_leveretctl() {
  local -a candidates
  local line
  while IFS= read -r line; do
    local word=\${\${line%%$'\\t'*}//:/\\\\:}
    [[ $line == *$'\\t'* ]] && word+=":\${line#*$'\\t'}"
    candidates+=("$word")
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
export function completionScript(name: string): string {
  const shell = shells.find((each) => each === name);
  if (shell !== undefined) return scripts[shell];
  throw usageError(
    `there is no script for "${name}" but for ${shells.join(', ')}${suggestion(name, shells)}`,
  );
}
