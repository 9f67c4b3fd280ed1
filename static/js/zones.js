// A time zone select marked data-own-zone takes the browser's own: nobody has chosen one yet.
export const settle = (root) => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const select of root.querySelectorAll("select[data-own-zone]"))
    if ([...select.options].some((option) => option.value === own)) select.value = own;
};
