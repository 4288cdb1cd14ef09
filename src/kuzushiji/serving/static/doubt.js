// How unsure a character is, in four steps: from sure to whatever a person should look at.

export const doubt = character => {
  const sure = character.candidates[0]?.[1] ?? 0;
  return sure >= 0.9 ? 0 : sure >= 0.7 ? 1 : sure >= 0.5 ? 2 : 3;
};
